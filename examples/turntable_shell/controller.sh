#!/bin/sh
# The third box: starts the motor, adds up the hits, stops the motor after three of them.
: "${TALKER:=talker}"
turntable=${1:-turntable}
# The id of what is published here: hits count from there on, none of an earlier game.
game=$($TALKER notify "$turntable" --publish games START) || exit
$TALKER client "$turntable" --ask "START 0.5" || exit
points=0
$TALKER notify "$turntable" hits --since "$game" --count 3 |
  while read -r _ target; do
    points=$((points + target))
    echo "Target $target was hit: $points points"
  done
$TALKER client "$turntable" --ask STOP
