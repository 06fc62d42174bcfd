module lockkeeper/second-implementation

go 1.25.0

// Before v0.40.0, tlog.TileHashReader returned hashes of tiles that it had not authenticated.
require golang.org/x/mod v0.40.0
