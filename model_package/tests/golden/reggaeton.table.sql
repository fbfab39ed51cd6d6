CREATE TABLE predictions_reggaeton (
	prediction_id VARCHAR(64) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	origin VARCHAR(200) NOT NULL,
	version VARCHAR(100) NOT NULL,
	contract_fingerprint VARCHAR(64) NOT NULL,
	key VARCHAR(200),
	label BIGINT NOT NULL,
	score DOUBLE PRECISION NOT NULL,
	latency_ms DOUBLE PRECISION,
	request_id VARCHAR(200),
	input_popularity BIGINT,
	input_danceability DOUBLE PRECISION,
	input_energy DOUBLE PRECISION,
	input_key BIGINT,
	input_loudness DOUBLE PRECISION,
	input_mode BIGINT,
	input_speechiness DOUBLE PRECISION,
	input_acousticness DOUBLE PRECISION,
	input_instrumentalness DOUBLE PRECISION,
	input_liveness DOUBLE PRECISION,
	input_valence DOUBLE PRECISION,
	input_tempo DOUBLE PRECISION,
	input_duration BIGINT,
	PRIMARY KEY (prediction_id)
)
CREATE TABLE truth_reggaeton (
	truth_id VARCHAR(32) NOT NULL,
	prediction_id VARCHAR(64),
	key VARCHAR(200),
	value BIGINT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (truth_id)
)
CREATE TABLE shadow_reggaeton (
	prediction_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	label BIGINT,
	score DOUBLE PRECISION,
	refused VARCHAR(200),
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (prediction_id, version)
)
CREATE TABLE predictions_reggaeton (
	prediction_id VARCHAR(64) NOT NULL,
	created_at DATETIME NOT NULL,
	origin VARCHAR(200) NOT NULL,
	version VARCHAR(100) NOT NULL,
	contract_fingerprint VARCHAR(64) NOT NULL,
	"key" VARCHAR(200),
	label BIGINT NOT NULL,
	score DOUBLE NOT NULL,
	latency_ms DOUBLE,
	request_id VARCHAR(200),
	input_popularity BIGINT,
	input_danceability DOUBLE,
	input_energy DOUBLE,
	input_key BIGINT,
	input_loudness DOUBLE,
	input_mode BIGINT,
	input_speechiness DOUBLE,
	input_acousticness DOUBLE,
	input_instrumentalness DOUBLE,
	input_liveness DOUBLE,
	input_valence DOUBLE,
	input_tempo DOUBLE,
	input_duration BIGINT,
	PRIMARY KEY (prediction_id)
)
CREATE TABLE truth_reggaeton (
	truth_id VARCHAR(32) NOT NULL,
	prediction_id VARCHAR(64),
	"key" VARCHAR(200),
	value BIGINT NOT NULL,
	at DATETIME NOT NULL,
	arrived_at DATETIME NOT NULL,
	PRIMARY KEY (truth_id)
)
CREATE TABLE shadow_reggaeton (
	prediction_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	label BIGINT,
	score DOUBLE,
	refused VARCHAR(200),
	at DATETIME NOT NULL,
	PRIMARY KEY (prediction_id, version)
)
