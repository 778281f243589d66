package notifier

import _ "embed"

// The statements of the runtime role, each in a file of its own that a DBA can read and EXPLAIN.
var (
	//go:embed session.sql
	sessionSQL string
	//go:embed ping.sql
	pingSQL string
	//go:embed probe.sql
	probeSQL string
	//go:embed pump.sql
	pumpSQL string
	//go:embed lend.sql
	lendSQL string
	//go:embed announce.sql
	announceSQL string
	//go:embed release.sql
	releaseSQL string
	//go:embed read.sql
	readSQL string
	//go:embed replay_settings.sql
	replaySettingsSQL string
	//go:embed replay.sql
	replaySQL string
	//go:embed floor.sql
	floorSQL string
	//go:embed known.sql
	knownSQL string
	//go:embed survived.sql
	survivedSQL string
	//go:embed load.sql
	loadSQL string
	//go:embed load_settings.sql
	loadSettingsSQL string
	//go:embed prune.sql
	pruneSQL string
	//go:embed watch.sql
	watchSQL string
	//go:embed holder_table.sql
	holderTableSQL string
	//go:embed holder_row.sql
	holderRowSQL string
	//go:embed enlist.sql
	enlistSQL string
	//go:embed discharge.sql
	dischargeSQL string
	//go:embed daemons.sql
	daemonsSQL string
)
