/* SPDX-License-Identifier: MIT
 *
 * Between the two halves of the HTTP side: connections (httpd.c) and requests (httpd_request.c).
 * The signatures of the callbacks are libmicrohttpd's.
 */
#pragma once

#include "naming/registry/httpd.h"

#include <microhttpd.h>

struct httpd {
    struct MHD_Daemon *daemon;
    GSource *source;
    struct registry *registry; /* borrowed */
    struct auth *auth;         /* borrowed */
    char *context_path;
    GSequence *deadlines; /* of connections; libmicrohttpd itself only knows idle ones */
    guint open;           /* connections that are not shut */
    guint max_open;
    GSource *alarm;
};

/* Made and freed by httpd.c. */
struct connection {
    struct timed deadline; /* when what is under way must have come */
    int fd;                /* libmicrohttpd's */
    gboolean shut;         /* libmicrohttpd is about to notice */
};

/* Borrowed; NULL once it is closed. */
struct connection *connection_of(struct MHD_Connection *mhd);

/* What is under way on the connection must have come within `seconds`. */
void connection_set_deadline(struct httpd *httpd, struct connection *connection, guint seconds);

/* MHD_OPTION_URI_LOG_CALLBACK: a request begins. */
void *httpd_on_uri(void *user_data, const char *uri, struct MHD_Connection *mhd);

/* MHD_AccessHandlerCallback: its headers are complete, a piece of its body is there, it is at its
 * end. */
enum MHD_Result httpd_on_request(void *user_data, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **slot);

/* MHD_RequestCompletedCallback: it is over, one way or the other. */
void httpd_on_completed(void *user_data, struct MHD_Connection *mhd, void **slot,
                        enum MHD_RequestTerminationCode code);
