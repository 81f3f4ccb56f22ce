/* SPDX-License-Identifier: MIT
 *
 * A request under way as its caller sees it: something that can be cancelled. Parts of the client
 * embed struct naming_call as the first member of their own record.
 */
#pragma once

struct naming_call {
    /* Ends the request without calling its `done`, and frees the record. */
    void (*cancel)(struct naming_call *call);
};
