//! The gateway's own listeners: health and admin.
