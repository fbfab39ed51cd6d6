CREATE TABLE measures_diabetes (
	version VARCHAR(100) NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	until TIMESTAMP WITH TIME ZONE NOT NULL,
	measure VARCHAR(100) NOT NULL,
	subject VARCHAR(200) NOT NULL,
	value DOUBLE PRECISION,
	low DOUBLE PRECISION,
	high DOUBLE PRECISION,
	expected DOUBLE PRECISION,
	threshold DOUBLE PRECISION,
	rows BIGINT NOT NULL,
	alarm BOOLEAN NOT NULL,
	why VARCHAR(500) NOT NULL,
	shares TEXT,
	PRIMARY KEY (version, since, until, measure, subject)
)
CREATE TABLE decisions_diabetes (
	decision_id VARCHAR(64) NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
	version VARCHAR(100) NOT NULL,
	since TIMESTAMP WITH TIME ZONE,
	until TIMESTAMP WITH TIME ZONE,
	action VARCHAR(20) NOT NULL,
	reasons TEXT NOT NULL,
	facts TEXT NOT NULL,
	who VARCHAR(200) NOT NULL,
	PRIMARY KEY (decision_id)
)
CREATE TABLE incidents_diabetes (
	incident_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	began_at TIMESTAMP WITH TIME ZONE NOT NULL,
	why TEXT NOT NULL,
	ended_why TEXT,
	ended_at TIMESTAMP WITH TIME ZONE,
	told_begun_at TIMESTAMP WITH TIME ZONE,
	told_ended_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (incident_id)
)
CREATE TABLE measures_diabetes (
	version VARCHAR(100) NOT NULL,
	since DATETIME NOT NULL,
	until DATETIME NOT NULL,
	measure VARCHAR(100) NOT NULL,
	subject VARCHAR(200) NOT NULL,
	value DOUBLE,
	low DOUBLE,
	high DOUBLE,
	expected DOUBLE,
	threshold DOUBLE,
	rows BIGINT NOT NULL,
	alarm BOOLEAN NOT NULL,
	why VARCHAR(500) NOT NULL,
	shares TEXT,
	PRIMARY KEY (version, since, until, measure, subject)
)
CREATE TABLE decisions_diabetes (
	decision_id VARCHAR(64) NOT NULL,
	decided_at DATETIME NOT NULL,
	version VARCHAR(100) NOT NULL,
	since DATETIME,
	until DATETIME,
	action VARCHAR(20) NOT NULL,
	reasons TEXT NOT NULL,
	facts TEXT NOT NULL,
	who VARCHAR(200) NOT NULL,
	PRIMARY KEY (decision_id)
)
CREATE TABLE incidents_diabetes (
	incident_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	began_at DATETIME NOT NULL,
	why TEXT NOT NULL,
	ended_why TEXT,
	ended_at DATETIME,
	told_begun_at DATETIME,
	told_ended_at DATETIME,
	PRIMARY KEY (incident_id)
)
