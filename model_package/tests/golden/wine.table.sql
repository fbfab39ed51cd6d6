CREATE TABLE predictions_wine (
	prediction_id VARCHAR(64) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	origin VARCHAR(200) NOT NULL,
	version VARCHAR(100) NOT NULL,
	contract_fingerprint VARCHAR(64) NOT NULL,
	key VARCHAR(200),
	label TEXT NOT NULL,
	score DOUBLE PRECISION NOT NULL,
	latency_ms DOUBLE PRECISION,
	request_id VARCHAR(200),
	input_alcohol DOUBLE PRECISION,
	input_malic_acid DOUBLE PRECISION,
	input_ash DOUBLE PRECISION,
	input_alcalinity_of_ash DOUBLE PRECISION,
	input_total_phenols DOUBLE PRECISION,
	input_flavanoids DOUBLE PRECISION,
	input_nonflavanoid_phenols DOUBLE PRECISION,
	input_proanthocyanins DOUBLE PRECISION,
	input_color_intensity DOUBLE PRECISION,
	input_hue DOUBLE PRECISION,
	input_od280_od315 DOUBLE PRECISION,
	input_magnesium BIGINT,
	input_proline BIGINT,
	PRIMARY KEY (prediction_id)
)
CREATE TABLE truth_wine (
	truth_id VARCHAR(32) NOT NULL,
	prediction_id VARCHAR(64),
	key VARCHAR(200),
	value TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (truth_id)
)
CREATE TABLE shadow_wine (
	prediction_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	label TEXT,
	score DOUBLE PRECISION,
	refused VARCHAR(200),
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	PRIMARY KEY (prediction_id, version)
)
CREATE TABLE predictions_wine (
	prediction_id VARCHAR(64) NOT NULL,
	created_at DATETIME NOT NULL,
	origin VARCHAR(200) NOT NULL,
	version VARCHAR(100) NOT NULL,
	contract_fingerprint VARCHAR(64) NOT NULL,
	"key" VARCHAR(200),
	label TEXT NOT NULL,
	score DOUBLE NOT NULL,
	latency_ms DOUBLE,
	request_id VARCHAR(200),
	input_alcohol DOUBLE,
	input_malic_acid DOUBLE,
	input_ash DOUBLE,
	input_alcalinity_of_ash DOUBLE,
	input_total_phenols DOUBLE,
	input_flavanoids DOUBLE,
	input_nonflavanoid_phenols DOUBLE,
	input_proanthocyanins DOUBLE,
	input_color_intensity DOUBLE,
	input_hue DOUBLE,
	input_od280_od315 DOUBLE,
	input_magnesium BIGINT,
	input_proline BIGINT,
	PRIMARY KEY (prediction_id)
)
CREATE TABLE truth_wine (
	truth_id VARCHAR(32) NOT NULL,
	prediction_id VARCHAR(64),
	"key" VARCHAR(200),
	value TEXT NOT NULL,
	at DATETIME NOT NULL,
	arrived_at DATETIME NOT NULL,
	PRIMARY KEY (truth_id)
)
CREATE TABLE shadow_wine (
	prediction_id VARCHAR(64) NOT NULL,
	version VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	label TEXT,
	score DOUBLE,
	refused VARCHAR(200),
	at DATETIME NOT NULL,
	PRIMARY KEY (prediction_id, version)
)
