#!/bin/sh
# The second box: a line on stdin is a target that was hit. All who wait for hits are notified.
: "${TALKER:=talker}"
exec $TALKER notify "${1:-turntable}" --publish hits -
