"""The customers' doors: one folder for each kind of channel."""
