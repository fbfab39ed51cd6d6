"""Every estimator that compiles, on both sides of its options: what the tests and `benchmarks/exactness` prove."""

from __future__ import annotations

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import Normalizer, PolynomialFeatures, PowerTransformer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from model.testing.pipelines import Case, numbers_and_codes

LAST_STEPS: dict[str, Case] = {
    "extra trees, two classes": Case(lambda: [ExtraTreesClassifier(25, min_samples_leaf=3, random_state=0)], "two"),
    "extra trees, pure leaves": Case(lambda: [ExtraTreesClassifier(20, random_state=0)], "two"),
    "extra trees, three classes": Case(lambda: [ExtraTreesClassifier(15, max_depth=6, random_state=0)], "three"),
    "extra trees, one tree": Case(lambda: [ExtraTreesClassifier(1, random_state=0)], "two"),
    "extra trees, nothing learnt": Case(lambda: [ExtraTreesClassifier(3, min_samples_leaf=400)], "three"),
    "extra trees, value": Case(lambda: [ExtraTreesRegressor(15, random_state=0)], "value"),
    "random forest, two classes": Case(lambda: [RandomForestClassifier(25, max_depth=2, random_state=0)], "two"),
    "random forest, three classes": Case(lambda: [RandomForestClassifier(15, random_state=0)], "three"),
    "random forest, weighted": Case(
        lambda: [RandomForestClassifier(15, class_weight="balanced", max_depth=4, random_state=0)], "two"
    ),
    "random forest, value": Case(lambda: [RandomForestRegressor(15, max_features=2, random_state=0)], "value"),
    "gradient boosting, two classes": Case(
        lambda: [SimpleImputer(), GradientBoostingClassifier(n_estimators=40, random_state=0)], "two"
    ),
    "gradient boosting, three classes": Case(
        lambda: [SimpleImputer(), GradientBoostingClassifier(n_estimators=15, random_state=0)], "three"
    ),
    "gradient boosting, exponential": Case(
        lambda: [GradientBoostingClassifier(loss="exponential", n_estimators=20, random_state=0)], "two", missing=False
    ),
    "gradient boosting, zero start": Case(
        lambda: [GradientBoostingClassifier(init="zero", n_estimators=20, random_state=0)], "two", missing=False
    ),
    "gradient boosting, one stage": Case(lambda: [GradientBoostingClassifier(n_estimators=1)], "three", missing=False),
    "gradient boosting, value": Case(
        lambda: [SimpleImputer(), GradientBoostingRegressor(n_estimators=30, random_state=0)], "value"
    ),
    "gradient boosting, quantile": Case(
        lambda: [GradientBoostingRegressor(loss="quantile", n_estimators=20, random_state=0)], "value", missing=False
    ),
    "histogram, two classes": Case(lambda: [HistGradientBoostingClassifier(max_iter=25)], "two"),
    "histogram, three classes": Case(lambda: [HistGradientBoostingClassifier(max_iter=10)], "three"),
    "histogram, no gaps": Case(lambda: [HistGradientBoostingClassifier(max_iter=10)], "two", missing=False),
    "histogram, categories": Case(
        lambda: [HistGradientBoostingClassifier(max_iter=25, categorical_features=[3, 4], min_samples_leaf=5)], "two"
    ),
    "histogram, categories by name": Case(
        lambda: [HistGradientBoostingRegressor(max_iter=15, categorical_features=["key"])], "value"
    ),
    "histogram, value": Case(lambda: [HistGradientBoostingRegressor(max_iter=20)], "value"),
    "histogram, poisson": Case(lambda: [HistGradientBoostingRegressor(loss="poisson", max_iter=15)], "count"),
    "logistic, two classes": Case(lambda: [numbers_and_codes(), LogisticRegression(max_iter=500)], "two"),
    "logistic, three classes": Case(lambda: [numbers_and_codes(), LogisticRegression(max_iter=500)], "three"),
    "logistic, steep": Case(lambda: [numbers_and_codes(), LogisticRegression(C=1e6, max_iter=2000)], "two"),
    "linear": Case(lambda: [numbers_and_codes(drop="first"), LinearRegression()], "value"),
    "ridge": Case(lambda: [numbers_and_codes(), Ridge(fit_intercept=False)], "value"),
    "prior": Case(lambda: [DummyClassifier(strategy="prior")], "three"),
    "network, relu": Case(lambda: [numbers_and_codes(), MLPClassifier((16, 8), max_iter=60, random_state=0)], "two"),
    "network, tanh": Case(
        lambda: [numbers_and_codes(), MLPClassifier((12,), activation="tanh", max_iter=60, random_state=0)], "three"
    ),
    "network, logistic": Case(
        lambda: [numbers_and_codes(), MLPClassifier((9, 9, 9), activation="logistic", solver="lbfgs", random_state=0)],
        "two",
    ),
    "network, identity": Case(
        lambda: [numbers_and_codes(), MLPClassifier((5,), activation="identity", max_iter=60, random_state=0)], "three"
    ),
    "network, value": Case(
        lambda: [
            numbers_and_codes(),
            MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", max_iter=300, random_state=0),
        ],
        "value",
    ),
    "network, tanh value": Case(
        lambda: [
            numbers_and_codes(),
            MLPRegressor(hidden_layer_sizes=(8, 8), activation="tanh", max_iter=60, random_state=0),
        ],
        "value",
    ),
    "network, poisson": Case(
        lambda: [
            numbers_and_codes(),
            MLPRegressor(hidden_layer_sizes=(8,), loss="poisson", max_iter=60, random_state=0),
        ],
        "count",
    ),
    "tree, two classes": Case(lambda: [DecisionTreeClassifier(min_samples_leaf=3, random_state=0)], "two"),
    "tree, three classes": Case(lambda: [ExtraTreeClassifier(min_samples_leaf=4, random_state=0)], "three"),
    "tree, value": Case(lambda: [DecisionTreeRegressor(random_state=0)], "value"),
    "tree, extra value": Case(lambda: [ExtraTreeRegressor(random_state=0)], "value"),
    "lasso": Case(lambda: [numbers_and_codes(), Lasso(alpha=0.5)], "value"),
    "elastic net": Case(lambda: [numbers_and_codes(), ElasticNet(alpha=0.1)], "value"),
    "poisson regression": Case(lambda: [numbers_and_codes(), PoissonRegressor()], "count"),
    "descent, log loss": Case(lambda: [numbers_and_codes(), SGDClassifier("log_loss", random_state=0)], "two"),
    "descent, three classes": Case(lambda: [numbers_and_codes(), SGDClassifier("log_loss", random_state=0)], "three"),
    "descent, modified huber": Case(
        lambda: [numbers_and_codes(), SGDClassifier("modified_huber", random_state=0)], "two"
    ),
    "descent, clipped to none": Case(
        lambda: [numbers_and_codes(), SGDClassifier("modified_huber", random_state=0)], "three"
    ),
    "descent, value": Case(lambda: [numbers_and_codes(), SGDRegressor(random_state=0)], "value"),
    "discriminant, two classes": Case(lambda: [numbers_and_codes(), LinearDiscriminantAnalysis()], "two"),
    "discriminant, three classes": Case(lambda: [numbers_and_codes(), LinearDiscriminantAnalysis()], "three"),
    "adaptive boosting, two classes": Case(
        lambda: [SimpleImputer(), AdaBoostClassifier(n_estimators=20, random_state=0)], "two"
    ),
    "adaptive boosting, three classes": Case(
        lambda: [
            SimpleImputer(),
            AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=10, random_state=0),
        ],
        "three",
    ),
    "logistic, power before": Case(
        lambda: [SimpleImputer(), PowerTransformer(), LogisticRegression(max_iter=500)], "two"
    ),
    "ridge, power before": Case(
        lambda: [SimpleImputer(), PowerTransformer(standardize=False), StandardScaler(), Ridge()], "value"
    ),
    "logistic, normalized before": Case(
        lambda: [SimpleImputer(), StandardScaler(), Normalizer(), LogisticRegression(max_iter=500)], "three"
    ),
    "logistic, splines before": Case(
        lambda: [SimpleImputer(), SplineTransformer(), LogisticRegression(max_iter=500)], "two"
    ),
    "logistic, products before": Case(
        lambda: [numbers_and_codes(), PolynomialFeatures(2), LogisticRegression(max_iter=500)], "three"
    ),
}
