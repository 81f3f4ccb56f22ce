/* SPDX-License-Identifier: MIT */
#include "naming/registry/checker.h"

#include "naming/registry/errors.h"
#include "naming/registry/json_in.h"
#include "naming/registry/json_out.h"

#include <string.h>

#define HTTP_OK 200
#define MYSQL_COMMAND "show global variables where variable_name='read_only'"

static const char *const type_names[] = {
    [CHECKER_TCP] = "TCP",
    [CHECKER_HTTP] = "HTTP",
    [CHECKER_MYSQL] = "MYSQL",
    [CHECKER_NONE] = "NONE",
};

static enum checker_type read_type(struct json_object *object)
{
    const char *name = json_in_string(object, "type", "");
    for (guint i = 0; i < G_N_ELEMENTS(type_names); i++)
        if (g_str_equal(type_names[i], name))
            return i;
    return CHECKER_NONE;
}

/* What stands in a request line or a header is printable ASCII; `blank` is allowed in headers. */
static gboolean is_sendable(const char *text, char blank)
{
    for (; *text; text++)
        if (!g_ascii_isgraph(*text) && *text != blank)
            return FALSE;
    return TRUE;
}

static void read_http(struct json_object *object, struct checker *out)
{
    const char *path = json_in_string(object, "path", "");
    struct json_object *code;
    gboolean known = json_object_object_get_ex(object, "expectedResponseCode", &code);
    out->path = g_strconcat(*path == '/' ? "" : "/", path, NULL);
    out->headers = g_strdup(json_in_string(object, "headers", ""));
    out->expected_code = known ? json_object_get_int(code) : HTTP_OK;
}

static void read_mysql(struct json_object *object, struct checker *out)
{
    out->user = g_strdup(json_in_string(object, "user", ""));
    out->password = g_strdup(json_in_string(object, "pwd", ""));
    out->command = g_strdup(json_in_string(object, "cmd", MYSQL_COMMAND));
}

static gboolean refuse(enum registry_error code, const char *why, GError **error)
{
    g_set_error_literal(error, REGISTRY_ERROR, code, why);
    return FALSE;
}

gboolean checker_parse(const char *text, struct checker *out, GError **error)
{
    gsize length = strlen(text);
    *out = (struct checker){0};
    if (length > CHECKER_MAX_LENGTH)
        return refuse(REGISTRY_ERROR_ARGUMENT, "Param 'healthChecker' is illegal, it is too long",
                      error);
    g_autoptr(json_object) object = json_in_parse(text, length);
    if (!json_object_is_type(object, json_type_object))
        return refuse(REGISTRY_ERROR_NACOS,
                      "errCode: 101, errMsg: Nacos deserialize for class "
                      "[com.alibaba.nacos.api.naming.pojo.healthcheck.AbstractHealthChecker] "
                      "failed. ",
                      error);
    out->type = read_type(object);
    if (out->type == CHECKER_HTTP)
        read_http(object, out);
    else if (out->type == CHECKER_MYSQL)
        read_mysql(object, out);
    if (out->type != CHECKER_HTTP ||
        (is_sendable(out->path, '/') && is_sendable(out->headers, ' ')))
        return TRUE;
    checker_clear(out);
    return refuse(REGISTRY_ERROR_ARGUMENT,
                  "Param 'healthChecker' is illegal, path and headers are printable ASCII", error);
}

void checker_write(GString *out, const struct checker *checker, gboolean with_password)
{
    g_string_append_c(out, '{');
    json_out_member(out, "type", type_names[checker->type]);
    if (checker->type == CHECKER_HTTP) {
        json_out_member(out, "path", checker->path);
        json_out_member(out, "headers", checker->headers);
        json_out_member_int(out, "expectedResponseCode", checker->expected_code);
    } else if (checker->type == CHECKER_MYSQL) {
        json_out_member(out, "user", checker->user);
        json_out_member(out, "pwd", with_password ? checker->password : "");
        json_out_member(out, "cmd", checker->command);
    }
    g_string_append_c(out, '}');
}

void checker_assign(struct checker *to, const struct checker *from)
{
    struct checker copy = {
        .type = from->type,
        .path = g_strdup(from->path),
        .headers = g_strdup(from->headers),
        .expected_code = from->expected_code,
        .user = g_strdup(from->user),
        .password = g_strdup(from->password),
        .command = g_strdup(from->command),
    };
    checker_clear(to);
    *to = copy;
}

void checker_clear(struct checker *checker)
{
    g_free(checker->path);
    g_free(checker->headers);
    g_free(checker->user);
    g_free(checker->password);
    g_free(checker->command);
    *checker = (struct checker){0};
}
