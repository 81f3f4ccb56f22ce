/* SPDX-License-Identifier: MIT */
#include "naming/registry/api.h"
#include "naming/registry/json_out.h"

/* Who asks was found out before; 1.4.8 has one answer for every name and password that is not
 * right. */
gboolean api_login(const struct api_call *call, GString *out, GError **error)
{
    gint ttl;
    if (!call->identity->user) {
        g_set_error_literal(error, REGISTRY_ERROR, REGISTRY_ERROR_DENIED, call->identity->why);
        return FALSE;
    }
    g_autofree char *token = auth_token(call->auth, call->identity->user, &ttl);
    g_string_append_c(out, '{');
    json_out_member(out, "accessToken", token);
    json_out_member_int(out, "tokenTtl", ttl);
    json_out_member_bool(out, "globalAdmin", TRUE);
    json_out_member(out, "username", call->identity->user);
    g_string_append_c(out, '}');
    return TRUE;
}
