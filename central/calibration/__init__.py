"""Which calibration the centre reads distances by, told to whoever works here."""
