package storetest

func peopleSuites() []Suite { return nil }
