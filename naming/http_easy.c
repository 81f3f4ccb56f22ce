/* SPDX-License-Identifier: MIT */
#include "naming/http_easy.h"

#include <string.h>

/* SwitchDomain of the servers: a C client from 1.0.12 on is pushed to. */
#define USER_AGENT "Nacos-C-Client:v1.4.8"

/* Seconds after which a connection that nobody used is closed: three beats. What a slow server had
 * opened in number goes then, and a server's own end of it (Tomcat: 20 s) comes later. */
#define IDLE_S 15L

G_STATIC_ASSERT(HTTP_ERROR_SIZE == CURL_ERROR_SIZE);

static void set_limits(CURL *easy, const struct http_limits *limits)
{
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->max_response);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_S);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
}

static void set_method(CURL *easy, const struct http_request *request)
{
    const char *form = http_request_form(request);
    if (form != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(form));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form); /* not copied */
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_tls(CURL *easy, const struct http_tls *tls)
{
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* at least */
    if (tls->cafile != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, tls->cafile);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* that file's authorities and no others */
    }
    if (tls->cert != NULL)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert);
    if (tls->key != NULL)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls->insecure ? 0L : 2L);
}

/* So that curl looks nothing up. The plus has it forget that after a while. */
static void set_addresses(CURL *easy, struct http_request *request, const char *addresses)
{
    const struct http_lane *lane = request->lane;
    g_autofree char *entry = NULL;
    if (addresses == NULL)
        return;
    entry = g_strdup_printf("+%s:%u:%s", lane->name, lane->port, addresses);
    request->resolve = curl_slist_append(NULL, entry);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, request->resolve);
}

void http_easy_prepare(CURL *easy, const struct http_limits *limits, struct http_request *request,
                       const char *addresses)
{
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    set_limits(easy, limits);
    set_tls(easy, &limits->tls);
    set_method(easy, request);
    set_addresses(easy, request, addresses);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_request_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
}

enum http_failure http_easy_failure(const struct http_request *request, CURLcode code)
{
    if (request->body.overflow)
        return HTTP_TOO_LARGE;
    if (request->body.crowded)
        return HTTP_BUSY;
    switch (code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
        return HTTP_TOO_LARGE;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: no status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return HTTP_GARBAGE;
    default:
        return HTTP_UNREACHABLE;
    }
}
