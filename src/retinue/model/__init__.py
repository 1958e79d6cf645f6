"""The values that everything passes around. They hold data; they decide nothing."""
