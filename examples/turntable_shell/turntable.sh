#!/bin/sh
# The first box: the turntable with its motor. Each command that is asked goes to motor.sh.
: "${TALKER:=talker}"
exec $TALKER server --name "${1:-turntable}" --port 0 --answer "$(dirname "$0")/motor.sh"
