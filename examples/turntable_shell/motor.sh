#!/bin/sh
# Run for each question: the command is the line on stdin, what is printed is the answer.
read -r command speed
case $command in
START) echo "The motor turns at $speed" ;;
STOP) echo "The motor stops" ;;
*) echo "Unknown command: $command" ;;
esac
