# Makes the data sets of this folder and the reference fits that the tests hold the mixed model to.
# Run in this folder: Rscript reference.R   (R 4.2, glmmTMB 1.1.5; the tests need neither)
suppressMessages(library(glmmTMB))
options(warn = -1) # nlminb calls a search at machine precision "singular"; the gradient is checked instead
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(20261120)

logistic <- function(x) 1 / (1 + exp(-x))
tight <- glmmTMBControl(optCtrl = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-14, x.tol = 1e-12))

# 1. The arena's design: item x model x arm x wording x order, 5 epochs, in cells
design <- expand.grid(order = c(-0.5, 0.5), wording = 0:1, arm = 0:2, model = 0:3, item = 0:23)
design$threat <- as.numeric(design$arm == 1)
design$control <- as.numeric(design$arm == 2)
design$item_wording <- design$item * 2 + design$wording
design$item_model <- design$item * 4 + design$model
eta <- c(-2.6, -2.0, -1.2, -0.4)[design$model + 1] +
  c(0.2, 0.9, 0.5, 1.3)[design$model + 1] * design$threat + 0.1 * design$control + 0.2 * design$order +
  rnorm(24, sd = 0.9)[design$item + 1] + rnorm(24, sd = 0.5)[design$item + 1] * design$threat +
  rnorm(24, sd = 0.3)[design$item + 1] * design$control + rnorm(48, sd = 0.4)[design$item_wording + 1] +
  rnorm(96, sd = 0.5)[design$item_model + 1] + rnorm(96, sd = 0.5)[design$item_model + 1] * design$threat
design$n <- 5
design$k <- rbinom(nrow(design), design$n, logistic(eta))
write.csv(design, "design.csv", row.names = FALSE)

# 2. Correlated intercepts and slopes
growth <- expand.grid(dose = 0:5, subject = 0:39)
random <- matrix(rnorm(80), 40) %*% chol(matrix(c(1.0, -0.35, -0.35, 0.36), 2))
growth$n <- 8
growth$k <- rbinom(nrow(growth), growth$n,
  logistic(-0.8 + 0.35 * growth$dose + random[growth$subject + 1, 1] + random[growth$subject + 1, 2] * growth$dose))
write.csv(growth, "growth.csv", row.names = FALSE)

# 3. Two crossed factors that hang everything together
crossed <- expand.grid(question = 0:14, person = 0:59)
crossed$hard <- as.numeric(crossed$question %% 3 == 0)
crossed$n <- 1
crossed$k <- rbinom(nrow(crossed), 1, logistic(0.3 - 0.9 * crossed$hard +
  rnorm(60, sd = 1.2)[crossed$person + 1] + rnorm(15, sd = 0.6)[crossed$question + 1]))
write.csv(crossed, "crossed.csv", row.names = FALSE)

# 4. Overdispersion: an effect of every single cell
herds <- expand.grid(period = 0:3, herd = 0:29)
herds$cell <- seq_len(nrow(herds)) - 1
herds$n <- 5 + herds$cell %% 20
herds$k <- rbinom(nrow(herds), herds$n, logistic(-1.4 - 0.5 * (herds$period > 0) +
  rnorm(30, sd = 0.8)[herds$herd + 1] + rnorm(120, sd = 0.7)))
write.csv(herds, "herds.csv", row.names = FALSE)

rows <- list()
record <- function(name, fit) {
  stopifnot(max(abs(fit$obj$gr(fit$fit$par))) < 1e-3)
  fixed <- summary(fit)$coefficients$cond
  rows[[length(rows) + 1]] <<- data.frame(data = name, what = "fixed", term = rownames(fixed),
    estimate = fixed[, 1], se = fixed[, 2])
  for (group in names(VarCorr(fit)$cond)) {
    covariance <- VarCorr(fit)$cond[[group]]
    sd <- attr(covariance, "stddev")
    rows[[length(rows) + 1]] <<- data.frame(data = name, what = "sd", term = paste(group, names(sd)),
      estimate = unname(sd), se = NA)
    if (length(sd) > 1) {
      rows[[length(rows) + 1]] <<- data.frame(data = name, what = "correlation", term = group,
        estimate = attr(covariance, "correlation")[2, 1], se = NA)
    }
  }
  rows[[length(rows) + 1]] <<- data.frame(data = name, what = "logLik", term = "",
    estimate = as.numeric(logLik(fit)), se = NA)
}

m <- factor(design$model)
record("design", glmmTMB(cbind(k, n - k) ~ 0 + m + m:threat + m:control + order + (1 | item) + (0 + threat | item) +
  (0 + control | item) + (1 | item_wording) + (1 | item_model) + (0 + threat | item_model),
  data = design, family = binomial, control = tight))
record("growth", glmmTMB(cbind(k, n - k) ~ dose + (dose | subject), data = growth, family = binomial, control = tight))
record("crossed", glmmTMB(cbind(k, n - k) ~ hard + (1 | person) + (1 | question), data = crossed, family = binomial, control = tight))
record("herds", glmmTMB(cbind(k, n - k) ~ factor(period) + (1 | herd) + (1 | cell), data = herds, family = binomial))

# Marginal probabilities of the design, at order 0: integrals over the normal deviations
fit <- glmmTMB(cbind(k, n - k) ~ 0 + m + m:threat + m:control + order + (1 | item) + (0 + threat | item) +
  (0 + control | item) + (1 | item_wording) + (1 | item_model) + (0 + threat | item_model),
  data = design, family = binomial, control = tight)
sds <- sapply(VarCorr(fit)$cond, function(v) attr(v, "stddev"))
beta <- fixef(fit)$cond
marginal <- function(location, sd) integrate(function(z) logistic(location + sd * z) * dnorm(z), -Inf, Inf, rel.tol = 1e-12)$value
shared <- sum(sds[grepl("Intercept", names(sds))]^2)
slopes <- sum(sds[grepl("threat", names(sds))]^2)
for (model in 0:3) {
  baseline <- marginal(beta[[paste0("m", model)]], sqrt(shared))
  threat <- marginal(beta[[paste0("m", model)]] + beta[[paste0("m", model, ":threat")]], sqrt(shared + slopes))
  rows[[length(rows) + 1]] <- data.frame(data = "design", what = "marginal",
    term = paste0(model, c(" baseline", " threat", " shift")), estimate = c(baseline, threat, threat - baseline), se = NA)
}
write.csv(do.call(rbind, rows), "reference.csv", row.names = FALSE)
