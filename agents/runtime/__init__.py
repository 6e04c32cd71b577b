"""Runtime: Faust made exact - delivery, lanes, transactions, restore."""
