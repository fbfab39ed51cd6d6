SELECT predictions_reggaeton.prediction_id, predictions_reggaeton.created_at, predictions_reggaeton.origin, predictions_reggaeton.version, predictions_reggaeton.contract_fingerprint, predictions_reggaeton.key, predictions_reggaeton.label, predictions_reggaeton.score, predictions_reggaeton.latency_ms, coalesce(by_id.value, by_key.value) AS truth, coalesce(by_id.at, by_key.at) AS truth_at, predictions_reggaeton.input_popularity, predictions_reggaeton.input_danceability, predictions_reggaeton.input_energy, predictions_reggaeton.input_key, predictions_reggaeton.input_loudness, predictions_reggaeton.input_mode, predictions_reggaeton.input_speechiness, predictions_reggaeton.input_acousticness, predictions_reggaeton.input_instrumentalness, predictions_reggaeton.input_liveness, predictions_reggaeton.input_valence, predictions_reggaeton.input_tempo, predictions_reggaeton.input_duration 
FROM predictions_reggaeton LEFT OUTER JOIN truth_reggaeton AS by_id ON by_id.truth_id = (SELECT said.truth_id 
FROM truth_reggaeton AS said 
WHERE said.prediction_id = predictions_reggaeton.prediction_id ORDER BY said.at DESC, said.arrived_at DESC, said.truth_id DESC 
 LIMIT 1) LEFT OUTER JOIN truth_reggaeton AS by_key ON by_key.truth_id = (SELECT said.truth_id 
FROM truth_reggaeton AS said 
WHERE said.key = predictions_reggaeton.key ORDER BY said.at DESC, said.arrived_at DESC, said.truth_id DESC 
 LIMIT 1) 
WHERE predictions_reggaeton.created_at >= '2026-11-24 00:00:00+00:00' AND predictions_reggaeton.created_at < '2026-11-25 00:00:00+00:00' AND predictions_reggaeton.version = 'v1' AND predictions_reggaeton.origin = 'online'
