-- With sequential scans only where there is no other way: is the view read by the index of its id? The array is empty, of whatever type.
EXPLAIN (FORMAT JSON) SELECT d.* FROM notifier.appointment_dto AS d WHERE d.id = ANY ('{}')
