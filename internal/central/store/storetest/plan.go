package storetest

func planSuites() []Suite { return nil }
