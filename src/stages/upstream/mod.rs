//! Choice of an upstream, its breaker, retries, the connection pool, credentials last; the built-in demo upstream.
