-- Lists of users by last activity, and what is searched in them: without a look at the rows that come before a page.
CREATE INDEX users_last_activity ON users (last_activity, id, name);
