package nginx

func supervise(root string) {}
