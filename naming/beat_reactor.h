/* SPDX-License-Identifier: MIT
 *
 * Our own instances: register, beat, register again on 20404, deregister (BeatReactor of the Java
 * client, without its habit of beating what was never registered). A function of proxy replies and
 * timers on the calling thread's main context.
 *
 * Operations on one address (service, ip, port, cluster) are carried out in the order in which they
 * were asked for. A register that is cancelled after it was sent is undone when it turns out to
 * have succeeded: by the record that was kept before, else by a DELETE. A deregister once asked for
 * is carried out even if it is cancelled. What goes wrong with nobody to tell is a trouble.
 */
#pragma once

#include "naming/naming_proxy.h"
#include "naming/timers.h"
#include "naming/trouble.h"

struct beat_reactor;

struct beat_reactor_config {
    struct naming_proxy *proxy; /* borrowed, must outlive the reactor */
    struct timers *timers;      /* borrowed, must outlive the reactor */
    guint timeout_ms;           /* until `done` at the latest */
    struct trouble trouble;
    naming_adopted_fn adopted; /* may be NULL */
    naming_beaten_fn beaten;   /* may be NULL */
    gpointer user_data;        /* of these two */
};
struct beat_reactor *beat_reactor_new(const struct beat_reactor_config *config);
/* Drops what is under way without `done`. */
void beat_reactor_free(struct beat_reactor *reactor);

/* As naming_register, naming_deregister, naming_adopt, naming_beat_state. */
struct naming_call *beat_reactor_register(struct beat_reactor *reactor,
                                          const struct service_key *key,
                                          const struct instance *instance, naming_done_fn done,
                                          gpointer user_data);
struct naming_call *beat_reactor_deregister(struct beat_reactor *reactor,
                                            const struct service_key *key,
                                            const struct instance *like, naming_done_fn done,
                                            gpointer user_data);
void beat_reactor_adopt(struct beat_reactor *reactor, const struct service_key *key,
                        const struct instance *instance, gint64 due);
gboolean beat_reactor_state(struct beat_reactor *reactor, const struct service_key *key,
                            const struct instance *like, struct naming_beat_state *state);
/* A list of a service that was asked for at `asked` (us): instances kept here take over the weight
 * and metadata that it shows. */
void beat_reactor_listed(struct beat_reactor *reactor, const struct service_info *info,
                         gint64 asked);
/* Instances that are beaten; persistent ones do not count. */
guint beat_reactor_count(struct beat_reactor *reactor);
void beat_reactor_counts(const struct beat_reactor *reactor, struct naming_beat_counts *counts);
