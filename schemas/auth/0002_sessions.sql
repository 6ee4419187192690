-- Old sessions are found by three times, of which one index can serve none.
DROP INDEX auth_session_expires;
