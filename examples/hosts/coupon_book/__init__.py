"""A coupon book service: books, codes, leases and redemptions over HTTP, with the engine inside."""
