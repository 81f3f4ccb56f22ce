/* SPDX-License-Identifier: MIT */
#include "naming/call.h"

#include "naming/naming.h"

void naming_call_cancel(struct naming_call *call)
{
    call->cancel(call);
}
