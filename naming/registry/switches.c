/* SPDX-License-Identifier: MIT */
#include "naming/registry/switches.h"

#include "naming/registry/errors.h"
#include "naming/registry/json_out.h"

#define BEAT_INTERVAL_DEFAULT 5000
#define BEAT_INTERVAL_MAX (24 * 60 * 60 * 1000)

void switches_init(struct switches *switches)
{
    *switches = (struct switches){.client_beat_interval = BEAT_INTERVAL_DEFAULT,
                                  .health_check = TRUE,
                                  .push = TRUE,
                                  .light_beat = TRUE};
}

static gboolean refuse(GError **error, const char *text, const char *value)
{
    g_set_error(error, REGISTRY_ERROR, REGISTRY_ERROR_ARGUMENT, "%s%.200s", text, value);
    return FALSE;
}

static gboolean set_interval(struct switches *switches, const char *value, GError **error)
{
    guint64 interval;
    if (!g_ascii_string_to_unsigned(value, 10, 1, BEAT_INTERVAL_MAX, &interval, NULL))
        return refuse(error, "clientBeatInterval is 1 to 86400000 ms, not ", value);
    switches->client_beat_interval = (gint64)interval;
    return TRUE;
}

gboolean switches_set(struct switches *switches, const char *entry, const char *value,
                      GError **error)
{
    const struct {
        const char *entry;
        gboolean *field;
    } flags[] = {
        {"check", &switches->health_check},
        {"healthCheckEnabled", &switches->health_check},
        {"pushEnabled", &switches->push},
        {"lightBeatEnabled", &switches->light_beat},
    };
    if (g_str_equal(entry, "clientBeatInterval"))
        return set_interval(switches, value, error);
    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (!g_str_equal(entry, flags[i].entry))
            continue;
        gboolean on = g_ascii_strcasecmp(value, "true") == 0;
        if (!on && g_ascii_strcasecmp(value, "false") != 0)
            return refuse(error, "the value is true or false, not ", value);
        *flags[i].field = on;
        return TRUE;
    }
    return refuse(error, "update entry not found: ", entry);
}

void switches_json(GString *out, const struct switches *switches)
{
    g_string_append(out, "{\"masters\":null,\"adWeightMap\":{},\"defaultPushCacheMillis\":10000");
    json_out_member_int(out, "clientBeatInterval", switches->client_beat_interval);
    g_string_append(out, ",\"defaultCacheMillis\":3000,\"distroThreshold\":0.7");
    json_out_member_bool(out, "healthCheckEnabled", switches->health_check);
    g_string_append(out, ",\"autoChangeHealthCheckEnabled\":true,\"distroEnabled\":true,"
                         "\"enableStandalone\":true");
    json_out_member_bool(out, "pushEnabled", switches->push);
    json_out_member_int(out, "checkTimes", 3);
    json_out_member_raw(out, "httpHealthParams", "{\"max\":5000,\"min\":500,\"factor\":0.85}");
    json_out_member_raw(out, "tcpHealthParams", "{\"max\":5000,\"min\":1000,\"factor\":0.75}");
    json_out_member_raw(out, "mysqlHealthParams", "{\"max\":3000,\"min\":2000,\"factor\":0.65}");
    g_string_append(out, ",\"incrementalList\":[],\"serverStatusSynchronizationPeriodMillis\":2000,"
                         "\"serviceStatusSynchronizationPeriodMillis\":5000,"
                         "\"disableAddIP\":false,\"sendBeatOnly\":false");
    json_out_member_bool(out, "lightBeatEnabled", switches->light_beat);
    g_string_append(out,
                    ",\"limitedUrlMap\":{},\"distroServerExpiredMillis\":10000,"
                    "\"pushGoVersion\":\"0.1.0\",\"pushJavaVersion\":\"0.1.0\","
                    "\"pushPythonVersion\":\"0.4.3\",\"pushCVersion\":\"1.0.12\","
                    "\"pushCSharpVersion\":\"0.9.0\",\"enableAuthentication\":false,"
                    "\"overriddenServerStatus\":null,\"defaultInstanceEphemeral\":true,"
                    "\"healthCheckWhiteList\":[],"
                    "\"name\":\"00-00---000-NACOS_SWITCH_DOMAIN-000---00-00\",\"checksum\":null}");
}
