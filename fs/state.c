/* SPDX-License-Identifier: MIT */
#include "fs/state_private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC G_GUINT64_CONSTANT(0x6e61636f73667331) /* "nacosfs1" */
#define HEADER_SIZE 4096
#define RECORDS_MOST (1u << 24)
#define BLOCKS_MOST (1u << 26)

G_STATIC_ASSERT(sizeof(struct block) == BLOCK_SIZE);
G_STATIC_ASSERT(sizeof(struct header) <= HEADER_SIZE);

static gsize records_size(void)
{
    return (gsize)RECORDS_MOST * sizeof(struct record);
}

static gsize whole_size(void)
{
    return HEADER_SIZE + records_size() + (gsize)BLOCKS_MOST * BLOCK_SIZE;
}

int state_create(void)
{
    struct header header = {.magic = MAGIC,
                            .layout = STATE_LAYOUT,
                            .record_size = sizeof(struct record),
                            .block_size = BLOCK_SIZE,
                            .words = STATE_WORDS,
                            .blocks_high = 1};
    int fd = memfd_create("nacosfs-state", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)whole_size()) == 0 &&
        pwrite(fd, &header, sizeof header, 0) == sizeof header)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* --- free lists ---------------------------------------------------------------------------- */

static guint32 take(GArray *free, guint32 *high, guint32 most)
{
    if (free->len) {
        guint32 index = g_array_index(free, guint32, free->len - 1);
        g_array_set_size(free, free->len - 1);
        return index;
    }
    g_assert(*high < most);
    return __atomic_fetch_add(high, 1, __ATOMIC_RELAXED);
}

static void give_back(struct state *state, guint32 block)
{
    while (block) {
        guint32 next = state->blocks[block].next;
        g_array_append_val(state->free_blocks, block);
        block = next;
    }
}

/* --- bytes --------------------------------------------------------------------------------- */

/* A chain that nothing refers to yet; filled from its end, so that every link leads somewhere. */
static guint32 fill(struct state *state, const guint8 *bytes, gsize length)
{
    gsize whole = length;
    guint32 next = 0;
    g_assert(length <= G_MAXUINT32);
    while (length) {
        gsize part = length % BLOCK_BYTES ? length % BLOCK_BYTES : BLOCK_BYTES;
        guint32 index = take(state->free_blocks, &state->header->blocks_high, BLOCKS_MOST);
        struct block *block = &state->blocks[index];
        length -= part;
        memcpy(block->bytes, bytes + length, part);
        block->next = next;
        block->length = (guint32)whole;
        next = index;
    }
    return next;
}

void state_set_bytes(struct state *state, struct record *record, const void *bytes, gsize length)
{
    guint32 old = record->blocks;
    guint32 new = fill(state, bytes, length);
    __atomic_store_n(&record->blocks, new, __ATOMIC_RELEASE);
    give_back(state, old);
}

char *state_get_bytes(const struct state *state, const struct record *record, gsize *length)
{
    gsize whole = record->blocks ? state->blocks[record->blocks].length : 0;
    char *bytes = g_malloc(whole + 1);
    gsize done = 0;
    for (guint32 at = record->blocks; at && done < whole; at = state->blocks[at].next) {
        gsize part = MIN(whole - done, BLOCK_BYTES);
        memcpy(bytes + done, state->blocks[at].bytes, part);
        done += part;
    }
    bytes[done] = '\0';
    if (length)
        *length = done;
    return bytes;
}

/* --- records ------------------------------------------------------------------------------- */

struct record *state_add(struct state *state, enum record_type type, guint64 id,
                         const guint64 *words, const void *bytes, gsize length)
{
    static const guint64 zeroes[STATE_WORDS];
    guint32 index = take(state->free_records, &state->header->records_high, RECORDS_MOST);
    struct record *record = &state->records[index];
    record->id = id;
    memcpy(record->words, words ? words : zeroes, sizeof record->words);
    record->blocks = fill(state, bytes, bytes ? length : 0);
    __atomic_store_n(&record->type, type, __ATOMIC_RELEASE);
    return record;
}

void state_remove(struct state *state, struct record *record)
{
    guint32 index = (guint32)(record - state->records);
    __atomic_store_n(&record->type, RECORD_NONE, __ATOMIC_RELEASE);
    give_back(state, record->blocks);
    record->blocks = 0;
    g_array_append_val(state->free_records, index);
}

guint state_high(const struct state *state)
{
    return state->header->records_high;
}

struct record *state_at(const struct state *state, guint index, enum record_type type)
{
    struct record *record = &state->records[index];
    return record->type == type ? record : NULL;
}

struct state_shared *state_shared(struct state *state)
{
    return &state->header->shared;
}

void state_usage(const struct state *state, struct state_usage *usage)
{
    usage->records = state->header->records_high - state->free_records->len;
    usage->blocks = state->header->blocks_high - 1 - state->free_blocks->len;
}

/* --- taking over --------------------------------------------------------------------------- */

/* Marks the record's blocks as used. FALSE if its chain leads out of the area, into another one's,
 * or is not as long as it says. */
static gboolean mark(const struct state *state, const struct record *record, guint8 *used)
{
    gsize left = record->blocks ? 1 : 0;
    guint32 high = state->header->blocks_high;
    for (guint32 at = record->blocks; at; at = state->blocks[at].next) {
        if (at >= high || used[at] || left == 0)
            return FALSE;
        if (at == record->blocks)
            left = state->blocks[at].length;
        used[at] = 1;
        left -= MIN(left, BLOCK_BYTES);
    }
    return left == 0;
}

static void note_found(struct state *state, guint32 type, guint32 index)
{
    if (!state->found[type])
        state->found[type] = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_array_append_val(state->found[type], index);
}

guint state_found_count(const struct state *state, enum record_type type)
{
    return state->found[type] ? state->found[type]->len : 0;
}

struct record *state_found(const struct state *state, enum record_type type, guint i)
{
    return state_at(state, g_array_index(state->found[type], guint32, i), type);
}

static gint by_id(gconstpointer a, gconstpointer b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

GPtrArray *state_found_in_order(const struct state *state, enum record_type type)
{
    GPtrArray *records = g_ptr_array_new();
    for (guint i = 0; i < state_found_count(state, type); i++) {
        struct record *record = state_found(state, type, i);
        if (record)
            g_ptr_array_add(records, record);
    }
    g_ptr_array_sort(records, by_id);
    return records;
}

static void find_free(struct state *state)
{
    guint32 records = state->header->records_high, blocks = state->header->blocks_high;
    g_autofree guint8 *used_records = g_malloc0(records + 1);
    g_autofree guint8 *used_blocks = g_malloc0(blocks + 1);
    guint dropped = 0;
    for (guint32 i = 0; i < records; i++) {
        struct record *record = &state->records[i];
        used_records[i] = record->type > RECORD_NONE && record->type < RECORD_TYPES &&
                          mark(state, record, used_blocks);
        if (used_records[i]) {
            note_found(state, record->type, i);
            continue;
        }
        dropped += record->type != RECORD_NONE;
        record->type = RECORD_NONE;
        record->blocks = 0;
    }
    state_collect_free(state->free_records, used_records, records, 0);
    state_collect_free(state->free_blocks, used_blocks, blocks, 1);
    if (dropped)
        g_warning("%u damaged records of the mount's state were dropped", dropped);
}

static gboolean is_ours(const struct header *header, char **why)
{
    if (header->magic != MAGIC) {
        *why = g_strdup("this is not the state of a mount");
        return FALSE;
    }
    if (header->layout == STATE_LAYOUT && header->record_size == sizeof(struct record) &&
        header->block_size == BLOCK_SIZE && header->words == STATE_WORDS &&
        header->records_high <= RECORDS_MOST && header->blocks_high <= BLOCKS_MOST)
        return TRUE;
    *why = g_strdup_printf("the mount's state has layout %u, this nacosfs knows layout %d only",
                           header->layout, STATE_LAYOUT);
    return FALSE;
}

static struct header *map(int fd, gsize size, char **why)
{
    struct stat stat = {0};
    if (fstat(fd, &stat) || (gsize)stat.st_size != whole_size()) {
        *why = g_strdup("this is not the state of a mount of this version");
        return NULL;
    }
    struct header *header =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (header == MAP_FAILED) {
        *why = g_strdup_printf("mmap: %s", g_strerror(errno));
        return NULL;
    }
    if (is_ours(header, why))
        return header;
    munmap(header, size);
    return NULL;
}

struct state *state_open(int fd, char **why)
{
    struct header *header = map(fd, whole_size(), why);
    if (!header)
        return NULL;
    struct state *state = g_new0(struct state, 1);
    state->header = header;
    state->records = (struct record *)((char *)header + HEADER_SIZE);
    state->blocks = (struct block *)((char *)state->records + records_size());
    state->free_records = g_array_new(FALSE, FALSE, sizeof(guint32));
    state->free_blocks = g_array_new(FALSE, FALSE, sizeof(guint32));
    find_free(state);
    return state;
}

void state_close(struct state *state)
{
    if (!state)
        return;
    munmap(state->header, whole_size());
    g_array_unref(state->free_records);
    g_array_unref(state->free_blocks);
    for (int i = 0; i < RECORD_TYPES; i++)
        g_clear_pointer(&state->found[i], g_array_unref);
    g_free(state);
}

struct state_shared *state_map_shared(int fd, char **why)
{
    struct header *header = map(fd, HEADER_SIZE, why);
    return header ? &header->shared : NULL;
}

void state_unmap_shared(struct state_shared *shared)
{
    if (shared)
        munmap((char *)shared - G_STRUCT_OFFSET(struct header, shared), HEADER_SIZE);
}
