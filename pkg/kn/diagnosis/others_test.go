package diagnosis

func others() []golden { return nil }
