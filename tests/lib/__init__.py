# SPDX-License-Identifier: MIT
"""What the mounted tests share: waiting, processes, mounts, the registry, inotify."""
