"""Look for what is wrong or will be, and say what to do: for `screenpop doctor` and the portal."""
