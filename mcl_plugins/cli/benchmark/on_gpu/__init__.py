"""What ``mcl bench gpu`` checks and measures, one measurement after the other."""
