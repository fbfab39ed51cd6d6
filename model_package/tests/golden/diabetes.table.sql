CREATE TABLE predictions_diabetes (
	prediction_id VARCHAR(64) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	origin VARCHAR(200) NOT NULL,
	version VARCHAR(100) NOT NULL,
	contract_fingerprint VARCHAR(64) NOT NULL,
	key VARCHAR(200),
	label DOUBLE PRECISION NOT NULL,
	score DOUBLE PRECISION NOT NULL,
	latency_ms DOUBLE PRECISION,
	request_id VARCHAR(200),
	input_age BIGINT,
	input_sex TEXT,
	input_bmi DOUBLE PRECISION,
	input_blood_pressure DOUBLE PRECISION,
	input_s1 DOUBLE PRECISION,
	input_s2 DOUBLE PRECISION,
	input_s3 DOUBLE PRECISION,
	input_s4 DOUBLE PRECISION,
	input_s5 DOUBLE PRECISION,
	input_s6 DOUBLE PRECISION,
	PRIMARY KEY (prediction_id)
)
CREATE TABLE truth_diabetes (
	truth_id VARCHAR(32) NOT NULL,
	prediction_id VARCHAR(64),
	key VARCHAR(200),
	value DOUBLE PRECISION NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (truth_id)
)
CREATE TABLE shadow_diabetes (
	prediction_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	label DOUBLE PRECISION,
	score DOUBLE PRECISION,
	refused VARCHAR(200),
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (prediction_id, version)
)
CREATE TABLE predictions_diabetes (
	prediction_id VARCHAR(64) NOT NULL,
	created_at DATETIME NOT NULL,
	origin VARCHAR(200) NOT NULL,
	version VARCHAR(100) NOT NULL,
	contract_fingerprint VARCHAR(64) NOT NULL,
	"key" VARCHAR(200),
	label DOUBLE NOT NULL,
	score DOUBLE NOT NULL,
	latency_ms DOUBLE,
	request_id VARCHAR(200),
	input_age BIGINT,
	input_sex TEXT,
	input_bmi DOUBLE,
	input_blood_pressure DOUBLE,
	input_s1 DOUBLE,
	input_s2 DOUBLE,
	input_s3 DOUBLE,
	input_s4 DOUBLE,
	input_s5 DOUBLE,
	input_s6 DOUBLE,
	PRIMARY KEY (prediction_id)
)
CREATE TABLE truth_diabetes (
	truth_id VARCHAR(32) NOT NULL,
	prediction_id VARCHAR(64),
	"key" VARCHAR(200),
	value DOUBLE NOT NULL,
	at DATETIME NOT NULL,
	arrived_at DATETIME NOT NULL,
	PRIMARY KEY (truth_id)
)
CREATE TABLE shadow_diabetes (
	prediction_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	label DOUBLE,
	score DOUBLE,
	refused VARCHAR(200),
	at DATETIME NOT NULL,
	PRIMARY KEY (prediction_id, version)
)
