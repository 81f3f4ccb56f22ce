/* SPDX-License-Identifier: MIT */
#include "naming/registry/check.h"

#include "naming/registry/probe.h"

#define FIRST_MS 2000 /* the first interval is this and at most */
#define FIRST_SPREAD_MS                                                                            \
    5000 /* as much more, less of it more often (HealthCheckTask.initCheckRT)                      \
          */
#define SKIP_MS 5000

/* Bounds in ms and the weight of what was, in hundredths (SwitchDomain). */
static const struct {
    gint min, max, factor;
} params[] = {
    [CHECKER_TCP] = {1000, 5000, 75},
    [CHECKER_HTTP] = {500, 5000, 85},
    [CHECKER_MYSQL] = {2000, 3000, 65},
    [CHECKER_NONE] = {SKIP_MS, SKIP_MS, 0},
};

static gint random_below(gint end)
{
    return end > 0 ? g_random_int_range(0, end) : 0;
}

static void set_due(struct store *store, struct check *check, gint64 now, gint delay_ms)
{
    timeline_set(store->checks, &check->due, now + (gint64)delay_ms * 1000);
}

struct check *check_new(struct store *store, struct store_instance *instance, gint64 now)
{
    struct check *check = g_new0(struct check, 1);
    check->due.owner = check;
    check->instance = instance;
    check->interval_ms = FIRST_MS + random_below(random_below(FIRST_SPREAD_MS));
    set_due(store, check, now, check->interval_ms);
    return check;
}

static void forget_probe(struct check *check)
{
    if (check->probe)
        check->probe->check = NULL;
    check->probe = NULL;
}

void check_free(struct check *check)
{
    if (!check)
        return;
    forget_probe(check);
    timeline_clear(&check->due);
    g_free(check);
}

void check_restart(struct store *store, struct check *check, gint64 now)
{
    forget_probe(check);
    check->oks = check->fails = 0;
    set_due(store, check, now, 0);
}

void check_unproven(struct store *store, struct check *check, gint64 now)
{
    struct store_instance *instance = check->instance;
    check->unproven = TRUE;
    instance->healthy = FALSE;
    instance->service->checksum[0] = '\0';
    check_restart(store, check, now);
}

void check_skip(struct store *store, struct check *check, gint64 now)
{
    set_due(store, check, now, SKIP_MS);
}

static gint next_interval(enum checker_type type, gint interval_ms,
                          const struct probe_result *result)
{
    const gint counts[] = {
        [PROBE_TIME_MEASURED] = result->took_ms,
        [PROBE_TIME_DOUBLED] = 2 * interval_ms,
        [PROBE_TIME_MAX] = params[type].max,
    };
    gint factor = params[type].factor;
    gint next = (factor * interval_ms + (100 - factor) * counts[result->time]) / 100;
    return CLAMP(next, params[type].min, params[type].max);
}

/* TRUE if the verdicts in a row make the instance what it is not now. */
static gboolean turns(struct check *check, enum probe_verdict verdict)
{
    gboolean ok = verdict == PROBE_OK;
    guint needed = check->unproven || verdict == PROBE_FAIL_NOW ? 1 : CHECK_TIMES;
    guint8 *count = ok ? &check->oks : &check->fails;
    check->oks = ok ? check->oks : 0;
    check->fails = ok ? 0 : check->fails;
    *count = MIN(*count + 1, CHECK_TIMES);
    check->unproven = FALSE;
    return check->instance->healthy != ok && *count >= needed;
}

void check_result(struct store *store, struct check *check, const struct probe_result *result,
                  gint64 now, struct store_change *change)
{
    struct store_instance *instance = check->instance;
    struct store_service *service = instance->service;
    enum checker_type type = store_cluster(service, instance->cluster)->checker.type;
    *change = (struct store_change){0};
    check->probe = NULL;
    check->interval_ms = next_interval(type, check->interval_ms, result);
    set_due(store, check, now, check->interval_ms);
    if (!turns(check, result->verdict))
        return;
    instance->healthy = !instance->healthy;
    service->checksum[0] = '\0';
    *change = (struct store_change){instance->healthy ? STORE_MODIFIED : STORE_UNHEALTHY, service,
                                    instance};
}
