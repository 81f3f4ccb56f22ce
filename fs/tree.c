/* SPDX-License-Identifier: MIT */
#include "fs/tree.h"

#include <string.h>

/* Words of a node's record. */
enum { WORD_LOOKUPS, WORD_OWNER, WORD_KIND, WORD_SURVIVED };
#define UNLINKED 0x100 /* in WORD_KIND */

struct tree {
    struct state *state;
    struct slots *nodes;
    GHashTable *names; /* linked nodes by kind, owner and name; the node is the key */
    void (*gone)(const struct node *node, gpointer user_data);
    gpointer user_data;
};

static guint name_hash(gconstpointer key)
{
    const struct node *node = key;
    return g_str_hash(node->name) ^ (guint)(node->owner * 2654435761u) ^ node->kind;
}

static gboolean name_equal(gconstpointer a, gconstpointer b)
{
    const struct node *x = a, *y = b;
    return x->kind == y->kind && x->owner == y->owner && strcmp(x->name, y->name) == 0;
}

static void node_free(gpointer item)
{
    struct node *node = item;
    g_free(node->name);
    g_free(node);
}

static struct node *node_new(enum node_kind kind, guint64 owner, const char *name)
{
    struct node *node = g_new0(struct node, 1);
    node->owner = owner;
    node->name = g_strdup(name);
    node->kind = kind;
    node->linked = TRUE;
    return node;
}

/* Its id is set. */
static void node_keep(struct tree *tree, struct node *node)
{
    const guint64 words[STATE_WORDS] = {node->nlookup, node->owner, node->kind};
    g_hash_table_add(tree->names, node);
    node->kept =
        state_add(tree->state, RECORD_NODE, node->id, words, node->name, strlen(node->name));
}

/* The kernel never forgets it, and never heard another number of it. */
static void add_root(struct tree *tree)
{
    struct node *root = node_new(NODE_ROOT, 0, "");
    root->id = TREE_ROOT;
    root->nlookup = 1;
    slots_put(tree->nodes, TREE_ROOT, root);
    slots_restored(tree->nodes);
    node_keep(tree, root);
}

/* As an earlier daemon gave it to the kernel, or nearly: its count may be too high by what that one
 * was about to say or to hear when it died. */
static void node_restore(struct tree *tree, struct record *record)
{
    struct node *node = g_new0(struct node, 1);
    node->id = record->id;
    node->kind = record->words[WORD_KIND] & ~(guint64)UNLINKED;
    node->owner = record->words[WORD_OWNER];
    node->nlookup = record->words[WORD_LOOKUPS];
    node->survived = (guint)record->words[WORD_SURVIVED];
    node->name = state_get_bytes(tree->state, record, NULL);
    node->linked = !(record->words[WORD_KIND] & UNLINKED);
    node->kept = record;
    node->looked_up = 1; /* long ago */
    if (!slots_put(tree->nodes, node->id, node)) {
        state_remove(tree->state, record);
        node_free(node);
        return;
    }
    if (node->linked)
        g_hash_table_add(tree->names, node);
}

static void restore(struct tree *tree)
{
    for (guint i = 0; i < state_found_count(tree->state, RECORD_NODE); i++) {
        struct record *record = state_found(tree->state, RECORD_NODE, i);
        if (record)
            node_restore(tree, record);
    }
    slots_restored(tree->nodes);
}

struct tree *tree_new(struct state *state,
                      void (*gone)(const struct node *node, gpointer user_data), gpointer user_data)
{
    struct tree *tree = g_new0(struct tree, 1);
    tree->state = state;
    tree->nodes = slots_new(node_free);
    tree->names = g_hash_table_new(name_hash, name_equal);
    tree->gone = gone;
    tree->user_data = user_data;
    slots_begin_at(tree->nodes, &state_shared(state)->generation);
    restore(tree);
    if (!tree_get(tree, TREE_ROOT))
        add_root(tree);
    return tree;
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    g_hash_table_unref(tree->names);
    slots_free(tree->nodes);
    g_free(tree);
}

struct node *tree_get(const struct tree *tree, guint64 id)
{
    return slots_get(tree->nodes, id);
}

struct node *tree_find(const struct tree *tree, enum node_kind kind, guint64 owner,
                       const char *name)
{
    const struct node like = {.kind = kind, .owner = owner, .name = (char *)name};
    return g_hash_table_lookup(tree->names, &like);
}

struct node *tree_obtain(struct tree *tree, enum node_kind kind, guint64 owner, const char *name,
                         const struct layout_file *file)
{
    struct node *node = tree_find(tree, kind, owner, name);
    if (node)
        return node;
    node = node_new(kind, owner, name);
    node->file = file;
    node->made = g_get_monotonic_time();
    node->id = slots_add(tree->nodes, node);
    node_keep(tree, node);
    return node;
}

void tree_set_survived(struct node *node, guint survived)
{
    node->survived = survived;
    state_set_word(node->kept, WORD_SURVIVED, node->survived);
}

void tree_looked_up(struct node *node, gboolean by_helper)
{
    node->nlookup++;
    state_set_word(node->kept, WORD_LOOKUPS, node->nlookup);
    if (by_helper)
        return;
    node->looked_up = g_get_monotonic_time();
}

void tree_forget(struct tree *tree, guint64 id, guint64 n)
{
    struct node *node = tree_get(tree, id);
    if (!node || id == TREE_ROOT)
        return;
    node->nlookup -= MIN(n, node->nlookup);
    if (node->nlookup) {
        state_set_word(node->kept, WORD_LOOKUPS, node->nlookup);
        return;
    }
    state_remove(tree->state, node->kept);
    tree->gone(node, tree->user_data);
    if (node->linked)
        g_hash_table_remove(tree->names, node);
    slots_remove(tree->nodes, id);
}

void tree_unlink(struct tree *tree, struct node *node)
{
    if (!node->linked)
        return;
    g_hash_table_remove(tree->names, node);
    node->linked = FALSE;
    state_set_word(node->kept, WORD_KIND, (guint64)node->kind | UNLINKED);
}

guint tree_high(const struct tree *tree)
{
    return slots_high(tree->nodes);
}

struct node *tree_at(const struct tree *tree, guint index)
{
    return slots_at(tree->nodes, index);
}

guint tree_count(const struct tree *tree)
{
    return slots_count(tree->nodes);
}

guint64 tree_ino(const char *path)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_MD5);
    guint8 digest[16];
    gsize size = sizeof digest;
    guint64 ino;
    g_checksum_update(sum, (const guchar *)path, -1);
    g_checksum_get_digest(sum, digest, &size);
    memcpy(&ino, digest, sizeof ino);
    return ino > TREE_ROOT ? ino : TREE_ROOT + 1;
}
