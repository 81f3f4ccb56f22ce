/* SPDX-License-Identifier: MIT */
#include "fs/signals.h"

static const struct {
    const char *what;
    const char *status; /* as proc(5) writes it */
    gboolean interrupt;
} rows[] = {
    {"SIGCHLD of a shell's job",
     "Name:\tbash\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000010000\nSigBlk:"
     "\t0000000000000000\n",
     FALSE},
    {"SIGURG of Go's runtime",
     "Name:\tgo\nSigPnd:\t0000000000400000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\n",
     FALSE},
    {"SIGINT",
     "Name:\tcat\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000002\nSigBlk:"
     "\t0000000000000000\n",
     TRUE},
    {"SIGINT behind SIGCHLD",
     "Name:\tcat\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000010002\nSigBlk:"
     "\t0000000000000000\n",
     TRUE},
    {"SIGKILL",
     "Name:\tcat\nSigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\nSigBlk:"
     "\t0000000000000000\n",
     TRUE},
    {"SIGINT that is blocked, and SIGCHLD",
     "Name:\tcat\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000010002\nSigBlk:"
     "\t0000000000000002\n",
     FALSE},
    {"nothing: the freezer",
     "Name:\tcat\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:"
     "\t0000000000000000\n",
     TRUE},
    {"a text that does not tell", "Name:\tcat\n", TRUE},
};

static void what_asks_for_the_end_of_a_call(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].what);
        g_assert_cmpint(signals_in_status(rows[i].status), ==, rows[i].interrupt);
    }
}

static void nobody_and_the_dead_are_interrupted(void)
{
    g_assert_true(signals_interrupt(0));
    g_assert_true(signals_interrupt(G_MAXINT)); /* beyond any pid_max */
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/signals/what_asks_for_the_end_of_a_call", what_asks_for_the_end_of_a_call);
    g_test_add_func("/signals/nobody_and_the_dead_are_interrupted",
                    nobody_and_the_dead_are_interrupted);
    return g_test_run();
}
