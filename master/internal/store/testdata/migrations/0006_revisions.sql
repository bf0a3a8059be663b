INSERT INTO revisions (name, revision) VALUES ('slaves', 3);
