/* SPDX-License-Identifier: MIT */
#include "naming/security_proxy.h"

#include "naming/codec.h"
#include "naming/naming_request.h"

#include <string.h>

#define LOGIN_MS 3000           /* over all servers */
#define LOGIN_ATTEMPT_MS 1500   /* on one of them, while another is untried */
#define RETRY_MAX_MS 60000      /* between logins that fail */
#define TTL_MAX_S (365 * 86400) /* of what a server says */

struct security_proxy {
    struct naming_transport *transport; /* borrowed */
    struct trouble trouble;
    struct naming_credentials credentials;
    char *token;                  /* NULL = none yet */
    guint version;                /* tokens so far */
    guint failures;               /* logins in a row */
    gint64 asked;                 /* monotonic us of the last login; 0 = never */
    struct naming_request *login; /* under way */
    struct login_reply reply;     /* of it */
    struct http_timer *due;       /* the next login */
    struct http_timer *wake;      /* of those that wait */
    GQueue waiting;               /* struct security_wait */
};

static void forget(char **secret)
{
    if (*secret != NULL)
        explicit_bzero(*secret, strlen(*secret));
    g_clear_pointer(secret, g_free);
}

void naming_credentials_clear(struct naming_credentials *credentials)
{
    forget(&credentials->username);
    forget(&credentials->password);
    forget(&credentials->access_key);
    forget(&credentials->secret_key);
}

void naming_credentials_copy(struct naming_credentials *to, const struct naming_credentials *from)
{
    *to = (struct naming_credentials){
        .username = g_strdup(from->username),
        .password = g_strdup(from->password),
        .access_key = g_strdup(from->access_key),
        .secret_key = g_strdup(from->secret_key),
    };
}

static gint64 now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static void login_after(struct security_proxy *security, gint64 ms)
{
    http_timer_set(security->due, (now_ms() + ms) * 1000);
}

/* One a turn of the loop: what it does may free us, so it comes last. */
static void on_wake(gpointer user_data)
{
    struct security_proxy *security = user_data;
    struct security_wait *wait = g_queue_peek_head(&security->waiting);
    if (wait == NULL || security->login != NULL)
        return;
    security_proxy_leave(security, wait);
    if (security->waiting.length > 0)
        http_timer_set(security->wake, g_get_monotonic_time());
    wait->settled(security->failures == 0, wait->user_data);
}

static gboolean decode(const char *body, gsize length, gpointer user_data, char **why)
{
    struct security_proxy *security = user_data;
    return codec_login_reply(body, length, &security->reply, why);
}

static void logged_in(struct security_proxy *security)
{
    gint64 ttl_s = CLAMP(security->reply.ttl_s, 1, TTL_MAX_S);
    forget(&security->token);
    security->token = g_steal_pointer(&security->reply.token);
    security->version++;
    security->failures = 0;
    login_after(security, MAX(ttl_s * 900, SECURITY_LOGIN_APART_MS));
}

static void on_login(const struct naming_result *result, gpointer user_data)
{
    struct security_proxy *security = user_data;
    security->login = NULL;
    http_timer_set(security->wake, g_get_monotonic_time());
    if (result->status == NAMING_OK) {
        logged_in(security);
        return;
    }
    security->failures++;
    login_after(security, MIN((gint64)SECURITY_LOGIN_APART_MS << MIN(security->failures - 1, 6),
                              RETRY_MAX_MS));
    g_autofree char *text = g_strdup_printf("log-in: %s", result->text);
    const struct naming_result told = {result->status, result->server, text};
    trouble_report(&security->trouble, NULL, &told);
}

static void log_in(gpointer user_data)
{
    struct security_proxy *security = user_data;
    if (security->login != NULL || security->credentials.username == NULL)
        return;
    g_autoptr(GString) query = g_string_new(NULL);
    GString *form = g_string_new(NULL);
    http_form_add(query, "username", security->credentials.username);
    http_form_add(form, "password", security->credentials.password);
    struct naming_request_spec spec = {
        .call = NAMING_CALL_LOGIN,
        .method = "POST",
        .path = "/v1/auth/users/login",
        .query = query->str,
        .form = form->str,
        .urgent = TRUE,
        .anonymous = TRUE,
        .deadline = g_get_monotonic_time() + LOGIN_MS * 1000,
        .attempt_ms = LOGIN_ATTEMPT_MS,
    };
    security->asked = now_ms();
    security->login = naming_request_send(security->transport, &spec, decode, on_login, security);
    char *secret = g_string_free(form, FALSE);
    forget(&secret);
}

struct security_proxy *security_proxy_new(struct naming_transport *transport,
                                          const struct naming_credentials *credentials,
                                          const struct trouble *trouble)
{
    struct security_proxy *security = g_new0(struct security_proxy, 1);
    security->transport = transport;
    security->trouble = *trouble;
    security->due = http_timer_new(transport->context, log_in, security);
    security->wake = http_timer_new(transport->context, on_wake, security);
    g_queue_init(&security->waiting);
    if (credentials != NULL)
        security_proxy_reload(security, credentials);
    return security;
}

void security_proxy_free(struct security_proxy *security)
{
    if (security->login != NULL)
        naming_request_cancel(security->login);
    http_timer_free(security->due);
    http_timer_free(security->wake);
    forget(&security->token);
    forget(&security->reply.token);
    naming_credentials_clear(&security->credentials);
    g_free(security);
}

void security_proxy_reload(struct security_proxy *security,
                           const struct naming_credentials *credentials)
{
    if (security->login != NULL) /* with what may be wrong now */
        naming_request_cancel(g_steal_pointer(&security->login));
    if (credentials != NULL) {
        naming_credentials_clear(&security->credentials);
        naming_credentials_copy(&security->credentials, credentials);
    }
    security->failures = 0;
    if (security->credentials.username == NULL)
        forget(&security->token);
    log_in(security);
    http_timer_set(security->wake, g_get_monotonic_time());
}

/* --- one request --- */

char *security_sign_data(gint64 ms, const struct service_key *service)
{
    if (service == NULL)
        return g_strdup_printf("%" G_GINT64_FORMAT, ms);
    return g_strdup_printf("%" G_GINT64_FORMAT "@@%s@@%s", ms, service->group, service->name);
}

char *security_sign(const char *secret_key, const char *data)
{
    guint8 digest[20];
    gsize length = sizeof digest;
    g_autoptr(GHmac) hmac =
        g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)secret_key, strlen(secret_key));
    g_hmac_update(hmac, (const guchar *)data, (gssize)strlen(data));
    g_hmac_get_digest(hmac, digest, &length);
    return g_base64_encode(digest, length);
}

void security_proxy_sign(const struct security_proxy *security, GString *query,
                         const struct service_key *service)
{
    const struct naming_credentials *credentials = &security->credentials;
    if (security->token != NULL)
        http_form_add(query, "accessToken", security->token);
    if (credentials->access_key == NULL)
        return;
    g_autofree char *data = security_sign_data(g_get_real_time() / 1000, service);
    g_autofree char *signature = security_sign(credentials->secret_key, data);
    http_form_add(query, "ak", credentials->access_key);
    http_form_add(query, "data", data);
    http_form_add(query, "signature", signature);
}

guint security_proxy_version(const struct security_proxy *security)
{
    return security->version;
}

/* --- who was refused --- */

enum security_hope security_proxy_refused(struct security_proxy *security, guint version,
                                          struct security_wait *wait)
{
    if (version != security->version)
        return SECURITY_NEWER;
    if (security->credentials.username == NULL)
        return SECURITY_NONE;
    if (security->login == NULL) {
        if (security->asked > 0 && now_ms() < security->asked + SECURITY_LOGIN_APART_MS)
            return SECURITY_NONE;
        log_in(security);
    }
    wait->waiting = TRUE;
    wait->link.data = wait;
    g_queue_push_tail_link(&security->waiting, &wait->link);
    return SECURITY_WAIT;
}

void security_proxy_leave(struct security_proxy *security, struct security_wait *wait)
{
    if (wait->waiting)
        g_queue_unlink(&security->waiting, &wait->link);
    wait->waiting = FALSE;
}
