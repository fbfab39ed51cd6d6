SELECT predictions_wine.prediction_id, predictions_wine.created_at, predictions_wine.origin, predictions_wine.version, predictions_wine.contract_fingerprint, predictions_wine.key, predictions_wine.label, predictions_wine.score, predictions_wine.latency_ms, coalesce(by_id.value, by_key.value) AS truth, coalesce(by_id.at, by_key.at) AS truth_at, predictions_wine.input_alcohol, predictions_wine.input_malic_acid, predictions_wine.input_ash, predictions_wine.input_alcalinity_of_ash, predictions_wine.input_total_phenols, predictions_wine.input_flavanoids, predictions_wine.input_nonflavanoid_phenols, predictions_wine.input_proanthocyanins, predictions_wine.input_color_intensity, predictions_wine.input_hue, predictions_wine.input_od280_od315, predictions_wine.input_magnesium, predictions_wine.input_proline 
FROM predictions_wine LEFT OUTER JOIN truth_wine AS by_id ON by_id.truth_id = (SELECT said.truth_id 
FROM truth_wine AS said 
WHERE said.prediction_id = predictions_wine.prediction_id ORDER BY said.at DESC, said.arrived_at DESC, said.truth_id DESC 
 LIMIT 1) LEFT OUTER JOIN truth_wine AS by_key ON by_key.truth_id = (SELECT said.truth_id 
FROM truth_wine AS said 
WHERE said.key = predictions_wine.key ORDER BY said.at DESC, said.arrived_at DESC, said.truth_id DESC 
 LIMIT 1) 
WHERE predictions_wine.created_at >= '2026-11-24 00:00:00+00:00' AND predictions_wine.created_at < '2026-11-25 00:00:00+00:00' AND predictions_wine.version = 'v1' AND predictions_wine.origin = 'online'
