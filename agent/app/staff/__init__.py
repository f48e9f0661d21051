"""The pages of those who sign in: the ground they share. Each page has a folder of its own beside this one."""
