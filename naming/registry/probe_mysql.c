/* SPDX-License-Identifier: MIT
 *
 * Healthy is a MySQL server that lets us log in and answers the command, and, if that asks for
 * read_only, is the primary (MysqlHealthCheckProcessor). libmariadb's non-blocking calls, each a
 * pair of _start and _cont. Every probe logs in anew, which a pool of connections would not prove.
 */
#include "naming/registry/probe.h"

#include <gio/gio.h>
#include <mysql.h>
#include <string.h>

#define QUERY_MS 1000
#define PACKET_MAX (64 * 1024UL) /* bytes of a row that we let it send */
#define ROWS_MAX 16              /* read for the sake of a clean end */
#define ABANDON_MAX 16
#define PRIMARY_COMMAND "show global variables where variable_name='read_only'"

enum step { CONNECTING, ASKING, READING };

struct session {
    MYSQL *mysql;
    enum step step;
    char *host, *user, *password, *command;
    guint port;
    MYSQL *connected; /* answer of the calls under way */
    int failed;
    MYSQL_RES *rows; /* owned; read one by one: nobody knows how many there are */
    MYSQL_ROW row;
    guint row_count;
    gboolean secondary;
};

static void set_target(struct session *session, const struct probe *probe)
{
    g_autoptr(GSocketAddress) address =
        g_socket_address_new_from_native((gpointer)&probe->target, probe->target_length);
    GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS(address);
    session->host = g_inet_address_to_string(g_inet_socket_address_get_address(inet));
    session->port = g_inet_socket_address_get_port(inet);
}

/* What the library waits for; it asks for both directions while it connects. */
static void await(struct probe *probe, int status)
{
    const struct session *session = probe->state;
    probe->fd = mysql_get_socket(session->mysql);
    probe->condition = 0;
    if (status & MYSQL_WAIT_READ)
        probe->condition |= G_IO_IN;
    if (status & MYSQL_WAIT_WRITE)
        probe->condition |= G_IO_OUT;
    if (status & MYSQL_WAIT_EXCEPT)
        probe->condition |= G_IO_PRI;
}

static int begin(struct session *session)
{
    switch (session->step) {
    case CONNECTING:
        return mysql_real_connect_start(&session->connected, session->mysql, session->host,
                                        session->user, session->password, NULL, session->port, NULL,
                                        0);
    case ASKING:
        return mysql_real_query_start(&session->failed, session->mysql, session->command,
                                      strlen(session->command));
    case READING:
        return mysql_fetch_row_start(&session->row, session->rows);
    }
    return 0;
}

static int go_on(struct session *session, int status)
{
    switch (session->step) {
    case CONNECTING:
        return mysql_real_connect_cont(&session->connected, session->mysql, status);
    case ASKING:
        return mysql_real_query_cont(&session->failed, session->mysql, status);
    case READING:
        return mysql_fetch_row_cont(&session->row, session->rows, status);
    }
    return 0;
}

/* Only one command's answer has a meaning. */
static void read_row(struct session *session)
{
    if (session->row_count++ || !g_str_equal(session->command, PRIMARY_COMMAND))
        return;
    const char *value = mysql_num_fields(session->rows) > 1 ? session->row[1] : NULL;
    session->secondary = value && g_str_equal(value, "ON");
}

static void judge(struct probe *probe, const struct session *session)
{
    probe_end(probe, session->secondary ? PROBE_FAIL : PROBE_OK,
              session->secondary ? PROBE_TIME_MAX : PROBE_TIME_MEASURED);
}

static gboolean has_failed(struct session *session)
{
    switch (session->step) {
    case CONNECTING:
        return !session->connected;
    case ASKING:
        return session->failed != 0;
    case READING:
        return !session->row && mysql_errno(session->mysql) != 0;
    }
    return FALSE;
}

/* One step is over: TRUE if another begins. */
static gboolean next_step(struct probe *probe)
{
    struct session *session = probe->state;
    if (has_failed(session)) {
        g_debug("mysql %s:%u: %s", session->host, session->port, mysql_error(session->mysql));
        probe_end(probe, PROBE_FAIL_NOW, PROBE_TIME_MAX);
        return FALSE;
    }
    if (session->step == CONNECTING)
        probe_set_deadline(probe, QUERY_MS);
    else if (session->step == ASKING)
        session->rows = mysql_use_result(session->mysql);
    else if (session->row)
        read_row(session);
    session->step = session->step == CONNECTING ? ASKING : READING;
    gboolean over =
        session->step == READING &&
        (!session->rows || (session->row_count && !session->row) || session->row_count == ROWS_MAX);
    if (over)
        judge(probe, session);
    return !over;
}

/* Runs what does not wait; `status` is what the call under way waits for. */
static void run(struct probe *probe, int status)
{
    while (!status && next_step(probe))
        status = begin(probe->state);
    if (status)
        await(probe, status);
    else
        probe->fd = -1;
}

static void start(struct probe *probe)
{
    struct session *session = g_new0(struct session, 1);
    unsigned int seconds = QUERY_MS / 1000, off = 0;
    unsigned long packet_max = PACKET_MAX;
    probe->state = session;
    session->mysql = mysql_init(NULL);
    session->user = g_strdup(probe->checker->user);
    session->password = g_strdup(probe->checker->password);
    session->command = g_strdup(probe->checker->command);
    set_target(session, probe);
    mysql_options(session->mysql, MYSQL_OPT_NONBLOCK, NULL);
    mysql_options(session->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options(session->mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
    /* A server may ask a client for any file of its machine. */
    mysql_options(session->mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    probe_set_deadline(probe, PROBE_CONNECT_MS);
    run(probe, begin(session));
}

static void ready(struct probe *probe, GIOCondition condition)
{
    int status = 0;
    if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR))
        status |= MYSQL_WAIT_READ;
    if (condition & (G_IO_OUT | G_IO_ERR))
        status |= MYSQL_WAIT_WRITE;
    if (condition & G_IO_PRI)
        status |= MYSQL_WAIT_EXCEPT;
    run(probe, go_on(probe->state, status));
}

/* The library's farewell, and what it would still read, must not wait for anybody. */
static void hang_up(const struct session *session)
{
    int fd = mysql_get_socket(session->mysql);
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

/* The call under way is told so until it gives up: it has things on a stack of its own. */
static void abandon(struct session *session)
{
    hang_up(session);
    for (int i = 0; i < ABANDON_MAX && go_on(session, MYSQL_WAIT_TIMEOUT); i++)
        ;
}

static void late(struct probe *probe)
{
    abandon(probe->state);
    probe->fd = -1;
    probe_end(probe, PROBE_FAIL_NOW, PROBE_TIME_MAX);
}

static void clear(struct probe *probe)
{
    struct session *session = probe->state;
    probe->fd = -1;
    if (!probe->ended)
        abandon(session);
    if (session->row)
        hang_up(session);
    if (session->rows)
        mysql_free_result(session->rows);
    mysql_close(session->mysql);
    g_free(session->host);
    g_free(session->user);
    g_free(session->password);
    g_free(session->command);
    g_free(session);
}

const struct prober probe_mysql = {.start = start, .ready = ready, .late = late, .clear = clear};
