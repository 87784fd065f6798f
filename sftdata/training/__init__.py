"""Training from a judged build: TRL and PEFT with our own rows and masks, merge, run folders."""
