"""One answer: what it says, where its time went, why it failed, and the program that asks for it."""
