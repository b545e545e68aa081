"""How libraries and released codes name the tensors of an encoder, and recognising which it is."""
