/* SPDX-License-Identifier: MIT
 *
 * Our own instances: register, beat, register again on 20404, deregister (BeatReactor of the Java
 * client, without its habit of beating what was never registered). A function of proxy replies and
 * timers on the calling thread's main context.
 */
#pragma once

#include "naming/naming_proxy.h"

struct beat_reactor;

/* `proxy` borrowed, must outlive it. */
struct beat_reactor *beat_reactor_new(struct naming_proxy *proxy, naming_trouble_fn trouble,
                                      gpointer user_data);
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
                        const struct instance *instance);
gboolean beat_reactor_state(struct beat_reactor *reactor, const struct service_key *key,
                            const struct instance *like, struct naming_beat_state *state);
guint beat_reactor_count(struct beat_reactor *reactor);
