"""Steps that are not finite: found before they are taken, skipped or stopped at, and repeated."""
